"""What every search for formulas needs: fits of constants, description lengths, checks of values."""
