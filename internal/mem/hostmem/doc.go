// Package hostmem is host memory that is not Go's, as the mappings of guest memory
// need it: reservations of addresses, pages in them, and accesses to those. It knows
// no guest addresses. The calls exist on Linux, the accesses everywhere.
package hostmem
