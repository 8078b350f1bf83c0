package mem

import "unsafe"

// VMAList is where the list of VMAs is, for processes that read this one's memory
// from outside (RemoteVMAs).
func (s *Space) VMAList() uintptr { return uintptr(unsafe.Pointer(&s.vmas)) }

// maxRemote bounds lists and strings of other processes.
const maxRemote = 1 << 20

// RemoteVMAs reads the list at an address that VMAList gave in another process, which
// must run the same executable file. The process may be changing it: then the result
// may lack something. read reads that process's memory.
func RemoteVMAs(addr uintptr, read func(b []byte, addr uintptr) bool) []VMA {
	for range 5 {
		if list, ok := remoteVMAs(addr, read); ok {
			return list
		}
	}
	return nil
}

// What is read are bytes, never Go values: there are pointers in them, which mean
// nothing here.
func remoteVMAs(addr uintptr, read func([]byte, uintptr) bool) (list []VMA, ok bool) {
	const size = unsafe.Sizeof(VMA{})
	var head, again [3]uintptr // of a slice: pointer, length, capacity
	if !read(wordBytes(&head[0], 3), addr) || head[1] > maxRemote {
		return nil, false
	}
	b := make([]byte, head[1]*size)
	if len(b) > 0 && !read(b, head[0]) {
		return nil, false
	}
	for at := uintptr(0); at < uintptr(len(b)); at += size {
		v, ok := remoteVMA(b[at:at+size], read)
		if !ok || len(list) > 0 && list[len(list)-1].End > v.Start || v.Start >= v.End {
			return nil, false
		}
		list = append(list, v)
	}
	return list, read(wordBytes(&again[0], 3), addr) && again == head
}

// remoteVMA decodes a VMA.
func remoteVMA(b []byte, read func([]byte, uintptr) bool) (v VMA, ok bool) {
	v = VMA{
		Start: field[uint64](b, unsafe.Offsetof(v.Start)), End: field[uint64](b, unsafe.Offsetof(v.End)),
		Prot:   field[Prot](b, unsafe.Offsetof(v.Prot)),
		Shared: field[uint8](b, unsafe.Offsetof(v.Shared)) != 0, NoReserve: field[uint8](b, unsafe.Offsetof(v.NoReserve)) != 0,
		GrowsDown: field[uint8](b, unsafe.Offsetof(v.GrowsDown)) != 0, Held: field[uint8](b, unsafe.Offsetof(v.Held)) != 0,
		Offset: field[uint64](b, unsafe.Offsetof(v.Offset)),
	}
	if v.Name, ok = remoteString(b[unsafe.Offsetof(v.Name):], read); !ok {
		return v, false
	}
	if p := field[uintptr](b, unsafe.Offsetof(v.File)); p != 0 {
		f := make([]byte, unsafe.Sizeof(File{}))
		if !read(f, p) {
			return v, false
		}
		v.File = &File{FD: -1, Dev: field[uint64](f, unsafe.Offsetof(v.File.Dev)), Ino: field[uint64](f, unsafe.Offsetof(v.File.Ino))}
		v.File.Path, ok = remoteString(f[unsafe.Offsetof(v.File.Path):], read)
	}
	return v, ok
}

// remoteString reads the string whose header is at the start of b.
func remoteString(b []byte, read func([]byte, uintptr) bool) (string, bool) {
	p, n := field[uintptr](b, 0), field[uintptr](b, unsafe.Sizeof(uintptr(0)))
	if n == 0 {
		return "", true
	}
	if n > maxRemote {
		return "", false
	}
	text := make([]byte, n)
	ok := read(text, p)
	return string(text), ok
}

// field is the value at an offset of b.
func field[T uint8 | Prot | uint64 | uintptr](b []byte, at uintptr) (v T) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)), b[at:])
	return v
}

func wordBytes(p *uintptr, n uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), n*unsafe.Sizeof(*p))
}
