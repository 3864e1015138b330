"""From lesions to the study's questions: one module for each answer, all taking the same patient record."""
