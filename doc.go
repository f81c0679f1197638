// Package hortus holds the checks that span the whole module: the import order
// (docs/floors.txt), the sizes of functions and files (docs/sizes.txt), and the
// presence of package comments. It exports nothing; docs/ARCHITECTURE.md says
// where to start reading.
package hortus
