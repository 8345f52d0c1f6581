//go:build !unix

package matchfn

import "time"

var begun = time.Now()

// processTime is the time that has passed, on systems that tell no better.
func processTime() time.Duration { return time.Since(begun) }
