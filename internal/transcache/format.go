//go:build linux

package transcache

import (
	"encoding/binary"
	"math/bits"
)

// A file is a header, entries, and an index; integers are little-endian.
//
//	header  magic, configuration, size of the file, end of the entries, number of entries, slots of the index, checksum
//	entry   checksum of what follows, size of the data, key, data, padding to a multiple of entryAlign
//	index   hash table with linear probing: a part of the key's hash, and the offset of the entry; 0 is none
const (
	magic      = "hospes\x00\x04" // the last byte is the version
	headerSize = 8 + 32 + 4*4 + 4 + 4
	entryHead  = 4 + 4 + 8
	entryAlign = 8
	slotSize   = 4 + 4
)

// header is that of a file.
type header struct {
	config [32]byte // what the entries depend on
	size   uint32   // of the file
	end    uint32   // of the entries, and beginning of the index
	count  uint32   // entries
	slots  uint32   // a power of two, more than twice as many
}

// checksum tells whether something has become other bytes by accident. (That of package hash/crc32 is as fast, but makes tables first, which takes
// a short program a thirtieth of its time.)
func checksum(b []byte) uint32 {
	h := uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		h = fold(h ^ binary.LittleEndian.Uint64(b))
	}
	var rest [8]byte
	copy(rest[:], b)
	h = fold(fold(h ^ binary.LittleEndian.Uint64(rest[:])))
	return uint32(h)
}

// fold has each bit of its result depend on all of h.
func fold(h uint64) uint64 {
	high, low := bits.Mul64(h^0x2d358dccaa6c78a5, 0x9e3779b97f4a7c15)
	return high ^ low
}

func (h *header) encode() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = append(b, h.config[:]...)
	for _, n := range []uint32{h.size, h.end, h.count, h.slots} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint32(b, checksum(b))
}

// decodeHeader reads the header of a file that has size bytes. It reports false if the file is not one for config.
func decodeHeader(b []byte, size int64, config [32]byte) (h header, ok bool) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic || [32]byte(b[8:40]) != config {
		return h, false
	}
	field := func(n int) uint32 { return binary.LittleEndian.Uint32(b[40+4*n:]) }
	h = header{config, field(0), field(1), field(2), field(3)}
	return h, field(5) == checksum(b[:headerSize-4]) && h.valid(size)
}

// valid reports whether the parts are as large as they say.
func (h *header) valid(size int64) bool {
	return int64(h.size) == size && h.end >= headerSize && h.end%entryAlign == 0 &&
		h.slots > 0 && h.slots&(h.slots-1) == 0 && uint64(h.end)+uint64(h.slots)*slotSize == uint64(h.size)
}

// padded is the size of an entry with n bytes of data.
func padded(n int) int { return (entryHead + n + entryAlign - 1) &^ (entryAlign - 1) }

// appendEntry appends an entry to b.
func appendEntry(b []byte, key uint64, data []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint64(b, key)
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[start:], checksum(b[start+4:]))
	for len(b) < start+padded(len(data)) {
		b = append(b, 0)
	}
	return b
}

// entry is the one that begins at an offset, with its padding, as far as its size can be believed; the data may be damaged.
func entry(entries []byte, at uint32) (e []byte, ok bool) {
	if uint64(at)+entryHead > uint64(len(entries)) || at%entryAlign != 0 {
		return nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(entries[at+4:]))
	end := uint64(at) + (entryHead+size+entryAlign-1)&^(entryAlign-1)
	if end > uint64(len(entries)) {
		return nil, false
	}
	return entries[at:end], true
}

func keyOf(e []byte) uint64 { return binary.LittleEndian.Uint64(e[8:]) }

// dataOf is the data of an entry, which must be its caller's own. It reports false if that is damaged.
func dataOf(e []byte) ([]byte, bool) {
	end := entryHead + uint64(binary.LittleEndian.Uint32(e[4:]))
	if end > uint64(len(e)) || checksum(e[4:end]) != binary.LittleEndian.Uint32(e) {
		return nil, false
	}
	return e[entryHead:end], true
}

// The homes of 1<<areaShift keys side by side are 1<<groupShift slots side by side: who has looked for one key has those near to it in the
// host's cache. There are about so many translations in so much code.
const areaShift, groupShift = 11, 3

// hash spreads keys: home is where looking for the slot begins, tag is in it.
func hash(key uint64) (home, tag uint32) {
	group := spread(key >> areaShift)
	return uint32(group<<groupShift | key>>(areaShift-groupShift)&(1<<groupShift-1)), uint32(spread(key))
}

func spread(key uint64) uint64 {
	const golden = 0x9e3779b97f4a7c15
	h := key * golden
	h ^= h >> 32
	h *= golden
	return h ^ h>>32
}

// newIndex is an index of entries, by their keys and offsets.
func newIndex(keys []uint64, offsets []uint32) (index []byte, slots uint32) {
	slots = 1
	for slots <= 2*uint32(len(keys)) {
		slots *= 2
	}
	index = make([]byte, slots*slotSize)
	for n, key := range keys {
		home, tag := hash(key)
		for at := home; ; at++ {
			slot := index[at&(slots-1)*slotSize:]
			if binary.LittleEndian.Uint32(slot[4:]) == 0 {
				binary.LittleEndian.PutUint32(slot, tag)
				binary.LittleEndian.PutUint32(slot[4:], offsets[n])
				break
			}
		}
	}
	return index, slots
}
