"""The digital body in its reference posture: organs as solids, segments with joints, places where lesions lie."""
