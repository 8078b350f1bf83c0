//go:build !linux

package pagetable

// New returns a table for addresses below limit, whose entries are all 0.
func New(limit uint64) (Table, error) { return make(Table, limit>>Shift), nil }

// Close releases the table.
func (t Table) Close() {}

// Clear makes all entries 0.
func (t Table) Clear() {
	for i := range t {
		t[i].Store(0)
	}
}
