// An assembly file, even an empty one, lets clock.go declare a function without a body.
