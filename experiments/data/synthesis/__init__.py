"""The generator of the shipped data: a phrase grammar, a catalogue of findings, cases and reports."""
