"""Tables of a comparison and the statistics in them."""
