"""What a careful data manager would find in a cohort, before a network or a statistician does."""
