// Package arena is Tactus' flagship game: top-down ship combat with inertia, a
// dash, a pulse gun, a charged rail, cover, drifting rocks and pickups.
//
// docs/arena.md explains the rules, the numbers and every table for authors of
// clients and bots. tables.go has the state, tuning.go the numbers, flight.go
// the motion of a ship by its pilot's input (which clients predict), combat.go
// the shots, bots.go the bots.
//
// Units: metres, seconds and metres per second as Q16.16; x to the right, y
// down, both from 0 at the map's upper left corner; angles grow clockwise from
// the right. Times are ticks: moments are kept instead of countdowns, so that a
// cooldown costs two words on the wire and not one in every snapshot.
package arena
