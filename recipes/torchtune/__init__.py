"""Released torchtune 0.6.1 as a backend, with the models, safeguards and speed that it lacks."""
