"""Reading and writing a BIDS cohort: images, side-cars, masks, label maps and transforms."""
