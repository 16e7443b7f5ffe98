"""What the generator of the shipped study knows: a grammar, a catalogue of findings, cases and reports."""
