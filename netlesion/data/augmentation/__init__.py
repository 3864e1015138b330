"""Random changes of a patch in physical units, as MONAI dict transforms: uptake, lesions, image quality.

A patch is a dict: `image` (C, I, J, K) float32 in SUV, HU or scaled MR signal; `present` (C,) bool; `label` and
`instance` (T, I, J, K) uint8, one map for each tracer of the model; `organ` and `organ_class` (1, I, J, K) uint8;
`hosts` (N,) uint8, the organs in which lesions may be inserted. Every transform draws first and then applies a pure
function, so that a patch depends on its seed alone.
"""
