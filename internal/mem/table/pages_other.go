//go:build !linux

package table

import "sync/atomic"

func newPages(limit uint64) ([]atomic.Uint64, error) {
	return make([]atomic.Uint64, limit>>pageShift), nil
}

func closePages([]atomic.Uint64) {}

func clearPages(pages []atomic.Uint64) {
	for i := range pages {
		pages[i].Store(0)
	}
}
