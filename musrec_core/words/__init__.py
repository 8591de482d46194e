"""Words for how music sounds: their probabilities, what a request for some of them means, what two songs share."""
