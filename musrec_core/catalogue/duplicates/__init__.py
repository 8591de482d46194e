"""Near-identical recordings of a catalogue, as a report."""
