// Only what it takes to compile the headers that the rooms share.
