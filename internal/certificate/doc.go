// Package certificate reads X.509 certificates from files that may be renewed
// while the process runs, and answers questions about them. Game servers and
// matchmakers share it.
package certificate
