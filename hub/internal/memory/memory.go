package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Remap returns a slice of n elements that begins with those of old, which Remap made and which must not be used any more;
// the rest is zeros. T must not hold pointers. The kernel moves the pages: nothing is copied, and what was never written
// takes no memory.
func Remap[T any](old []T, n int) ([]T, error) {
	var memory []byte
	var err error
	size := n * int(unsafe.Sizeof(*new(T)))
	if len(old) == 0 {
		memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	} else {
		memory, err = unix.Mremap(bytes(old), size, unix.MREMAP_MAYMOVE)
	}
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(memory))), n), nil
}

// Vacate gives the memory of a part back, which must be whole pages; it reads as zeros from then on.
func Vacate[T any](part []T) { _ = unix.Madvise(bytes(part), unix.MADV_DONTNEED) }

// Unmap gives all of it back.
func Unmap[T any](all []T) {
	if len(all) > 0 {
		_ = unix.Munmap(bytes(all))
	}
}

func bytes[T any](part []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(part))), len(part)*int(unsafe.Sizeof(*new(T))))
}
