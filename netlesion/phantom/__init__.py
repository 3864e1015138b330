"""A digital cohort with known truth: bodies of superellipsoids, drawn uptake, drawn lesions, a plain scanner.

    superellipsoid  one closed shape: inside or not, and the share of each voxel it fills
    body_plan       the nominal adult, a table
    anatomy         which shapes make a body, and how they differ between patients
    uptake          what each tissue takes up of each tracer, and its HU
    lesions         how many lesions, where, how large, how hot
    avidity         in which tracer a lesion stands out from its surroundings
    patient         all settings, and all that chance decides about one patient
    scanner         grids, blur, noise
    cohort          `make_visit`: draw, then render images and truth

No person was scanned for any of it. Knows nothing about files, torch or networks.
"""
