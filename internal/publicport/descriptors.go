package publicport

const (
	// unknownOpenFiles is assumed on systems without such a limit.
	unknownOpenFiles = 1 << 16
	// ownFiles is the most descriptors that a process keeps for itself: match logs, NATS,
	// streams of other processes, the admin port.
	ownFiles = 1088
)

// Connections returns how many descriptors the process may use for connections of
// public ports: a quarter, but at most 1,088, stays for its files and other ports.
func Connections() int { return connectionsOf(openFiles()) }

func connectionsOf(files int) int { return max(files-min(files/4, ownFiles), 1) }

// Players returns how many players a game server has descriptors for: those of
// connections without the places of pending ones.
func Players() int { return playersOf(openFiles()) }

func playersOf(files int) int {
	connections := connectionsOf(files)
	return max(connections-placesOf(connections), 1)
}

// FilesFor returns the limit of open files that so many players need.
func FilesFor(players int) int {
	files := players + maxPending + ownFiles
	for playersOf(files) < players {
		files += players / 8
	}
	return files
}

// placesOf is the number of pending connections for so many descriptors.
func placesOf(connections int) int { return min(maxPending, max(connections/4, 2)) }
