//go:build linux

package codecache

// What is kept of a block is small, and most of it stays until Reset. So it is cut from larger pieces of memory: there is less
// to allocate, to collect, and to copy when there is more of it.

// pieceShift is the logarithm of how much is allocated at a time.
const pieceShift = 10

// table is a list whose elements stay where they are.
type table[T any] struct {
	pieces [][]T // of 1<<pieceShift elements
	n      uint32
}

func (t *table[T]) at(i uint32) *T { return &t.pieces[i>>pieceShift][i&(1<<pieceShift-1)] }

func (t *table[T]) add(v T) {
	if t.n&(1<<pieceShift-1) == 0 {
		t.pieces = append(t.pieces, make([]T, 1<<pieceShift))
	}
	t.n++
	*t.at(t.n - 1) = v
}

// kept is a copy of a list, cut from room.
func kept[T any](room *[]T, list []T) []T {
	n := len(list)
	if n == 0 {
		return nil
	}
	if len(*room) < n {
		*room = make([]T, max(n, 1<<pieceShift))
	}
	piece := (*room)[:n:n]
	*room = (*room)[n:]
	copy(piece, list)
	return piece
}

// NewBlock is a block of guest code, which is copied, that has not been added.
func (c *Cache) NewBlock(k Key, code []byte) *Block {
	const blocks = 64
	if len(c.roomForBlocks) == 0 {
		c.roomForBlocks = make([]Block, blocks)
	}
	b := &c.roomForBlocks[0]
	c.roomForBlocks = c.roomForBlocks[1:]
	b.Key, b.Code = k, kept(&c.roomForCode, code)
	return b
}
