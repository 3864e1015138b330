"""Comparing predicted lesions with reference lesions: voxels, lesions, cases, cohorts."""
