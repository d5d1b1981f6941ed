"""The tools, one a verb: what a dialogue does, whatever the toolkit that shows it."""
