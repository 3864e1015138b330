"""Images in space: geometry, volumes, transforms, visits, and the split of patients."""
