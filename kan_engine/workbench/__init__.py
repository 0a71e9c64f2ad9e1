"""Networks to work on by hand: change, train, read and draw them."""
