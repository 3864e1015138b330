"""Running a whole cohort: what is done is skipped, what fails is reported, nothing is lost."""
