package mem

import (
	"errors"
	"math"
	"sync"
)

// ErrLimit is the error of what a Budget does not allow.
var ErrLimit = errors.New("the memory limit is reached")

// Budget bounds the memory of several address spaces together: that which can be accessed, or could once,
// whether it has been touched or not. Address space that is only reserved is free.
type Budget struct {
	mu         sync.Mutex // guards the following
	limit      uint64
	used, peak uint64
	refused    bool
}

// NewBudget returns a budget of limit bytes; 0 means that it only counts.
func NewBudget(limit uint64) *Budget {
	if limit == 0 {
		limit = math.MaxUint64
	}
	return &Budget{limit: limit}
}

// take reports whether n bytes more may be used, which then are.
func (b *Budget) take(n uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.limit-b.used {
		b.refused = true
		return false
	}
	b.used += n
	b.peak = max(b.peak, b.used)
	return true
}

func (b *Budget) give(n uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
}

// Used is how many bytes are in use, the most there ever were, and whether any have been refused.
func (b *Budget) Used() (now, peak uint64, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used, b.peak, b.refused
}

// SetBudget has the memory of s, which is empty, come from b.
func (s *Space) SetBudget(b *Budget) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.budget = b
}

// reserve takes n bytes from the budget ahead of a change, with mu held; settle gives back what
// has not been needed.
func (s *Space) reserve(n uint64) bool {
	if s.budget == nil || n == 0 {
		return true
	}
	if !s.budget.take(n) {
		return false
	}
	s.charged += n
	return true
}

// settle has the budget be charged for what there is, with mu held.
func (s *Space) settle() {
	if s.budget == nil {
		return
	}
	n := uint64(0)
	for i := range s.vmas {
		if v := &s.vmas[i]; v.Held {
			n += v.Len()
		}
	}
	if n < s.charged { // it is never more
		s.budget.give(s.charged - n)
		s.charged = n
	}
}

// unheld counts the bytes of [start, end), which is mapped, that the budget is not charged for.
func (s *Space) unheld(start, end uint64) (n uint64) {
	i, j := s.vmas.overlapping(start, end)
	for ; i < j; i++ {
		if v := &s.vmas[i]; !v.Held {
			n += min(v.End, end) - max(v.Start, start)
		}
	}
	return n
}
