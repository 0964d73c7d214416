"""Objects: accept and undo, which object a click is for, actions on accepted ones."""
