// Package access decides which callers of the internal port may call what. A caller
// shows its role by its certificate or by a token; a table names the roles for each
// method.
package access

import (
	"fmt"
	"slices"
	"strings"
)

// Roles is a set of roles. A caller may have several.
type Roles uint8

// The roles. A method without an entry in the table is open to none of them.
const (
	GameServer Roles = 1 << iota // hosts matches
	Matchmaker                   // another replica
	BackEnd                      // acts for players that it names
	Operator                     // runs the installation

	// All are the roles of a caller on a port that authenticates none.
	All = GameServer | Matchmaker | BackEnd | Operator
	// Anyone opens a method to callers without a role, too.
	Anyone Roles = 0x80
)

var names = []string{"server", "matchmaker", "backend", "operator"} // by bit

// Names lists the names of all roles, as in certificates and files of tokens.
func Names() []string { return slices.Clone(names) }

// String lists the roles of the set.
func (r Roles) String() string {
	var list []string
	for i, name := range names {
		if r&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// Caller is a process that calls.
type Caller struct {
	Roles Roles
	// Server is the only id as which a game server may register; empty: any.
	Server string
}

// parse reads a role: a name, or server/ID for the game server of that id.
func parse(text string) (Caller, error) {
	name, id, bound := strings.Cut(text, "/")
	i := slices.Index(names, name)
	switch {
	case i < 0, bound && 1<<i != GameServer, bound && id == "":
		return Caller{}, fmt.Errorf("role %q is none of %s, server/ID", text, strings.Join(names, ", "))
	}
	return Caller{Roles: 1 << i, Server: id}, nil
}

// with adds the roles of the same caller, shown in another way. An id of a server
// stays the only one.
func (c Caller) with(other Caller) Caller {
	c.Roles |= other.Roles
	if c.Server == "" {
		c.Server = other.Server
	}
	return c
}
