package match

import (
	"fmt"
	"runtime/debug"
)

// PanicError reports that rules panicked while a match was made.
type PanicError struct {
	Value any    // of the panic
	Stack []byte // of the goroutine
}

// NewPanicError makes the error of a panic. It is called by the deferred function that
// recovers, which still has the stack of the panic.
func NewPanicError(value any) *PanicError { return &PanicError{value, debug.Stack()} }

func (e *PanicError) Error() string { return fmt.Sprintf("rules panicked: %v", e.Value) }
