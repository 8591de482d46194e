"""The order of a list: spacing, smoothing, journeys, harmonic mixing."""
