// Only what it takes to compile the headers that the tests share.
