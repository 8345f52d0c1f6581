// Package fixed is arithmetic that gives the same bits on every machine.
//
// Numbers are Q16.16: 16 bits before the point, 16 after. Floats are no choice
// for rules that must agree between a server and a browser: the Go
// specification permits fusing a multiplication with an addition, and GOAMD64=v3
// or arm64 do it.
package fixed

// Num is a Q16.16 number, -32768 to 32767.99998, steps of 1/65536.
type Num int32

// One is 1.
const One Num = 1 << 16

// Vec is a point or a direction.
type Vec struct{ X, Y Num }

// Angle is a binary angle: 65536 to the full turn, 0 along +X, growing towards
// +Y. Only the low 16 bits count; arithmetic wraps.
type Angle int32
