"""Words for how music sounds, learnt from teachers on top of an exported encoder."""
