package pyext

/*
#include <netdb.h>
#include <stdlib.h>
#include "lookup.h"
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"
)

const (
	lookupHeader  = int(unsafe.Sizeof(C.guv_lookup_request{}))
	lookupStatus  = 12 // bytes of the three int32 that every result begins with
	lookupTooBig  = 1  // status: the result does not fit; the third int32 is the size needed
	lookupsAtOnce = 32 // lookups at once, each on a thread of its own; others wait their turn
)

// Lookup asks the C library's getaddrinfo or getnameinfo on a thread that the Go runtime manages; Poll delivers a result
// of kind 32 with the given token when the answer stands in the result buffer. The request is copied at once; the result
// buffer must stay until the delivery or LookupCancel, and is written only inside Poll. Loop thread only.
//
// Request, int32 in native order: kind, family, type, protocol, flags. Kind 0 is getaddrinfo: host NUL service NUL
// follow; 256 is added to the kind if the host is None, 512 if the service is None (the empty text stands in for it).
// Kind 1 is getnameinfo: the bytes of a sockaddr follow.
//
// Result, int32 in native order: status (0, an EAI_ error, or 1: does not fit), errno if the status is EAI_SYSTEM, number
// of entries (for status 1 the size needed, for an EAI_ error the length of its text, which follows). Entries of getaddrinfo: family, type, protocol, length of the canonical name
// (-1: none), length of the address, the name, the address. The entry of getnameinfo: lengths of host and service, then both.
func Lookup(id, token, reqAddr, reqLen, resAddr, resCap int64) (code int64) {
	defer rescue(&code)
	h := handles.get(id)
	switch {
	case h == nil:
		return CodeClosed
	case reqAddr == 0 || resAddr == 0 || resCap < lookupStatus || token < 0 || h.lookups[token] != nil:
		return CodeArgument
	}
	if reqLen < 0 || reqLen > 1<<20 {
		return CodeArgument
	}
	request := append([]byte(nil), bytesAt(reqAddr, reqLen)...)
	if !wellFormed(request) {
		return CodeArgument
	}
	l := &lookup{owner: h, token: token, request: request, address: resAddr, capacity: resCap}
	if h.lookups == nil {
		h.lookups = lookups{}
	}
	h.lookups[token] = l
	discard(lookupGarbage)
	lookupThreads.start(l.run)
	return 0
}

// LookupCancel forgets a lookup: nothing is delivered, and its result buffer is not touched any more. A lookup that runs
// goes on until the C library returns; one that has not begun never does. Unknown tokens are ignored. Loop thread only.
func LookupCancel(id, token int64) (code int64) {
	defer rescue(&code)
	h := handles.get(id)
	if h == nil {
		return CodeClosed
	}
	if l := h.lookups[token]; l != nil {
		l.cancelled.Store(true)
		delete(h.lookups, token)
	}
	return 0
}

// wellFormed checks what the C side relies on: a whole header, and as many NULs as it looks for.
func wellFormed(request []byte) bool {
	if len(request) < lookupHeader {
		return false
	}
	nuls := 0
	for _, b := range request[lookupHeader:] {
		if b == 0 {
			nuls++
		}
	}
	switch kind := int32(binary.NativeEndian.Uint32(request)); kind {
	case C.GUV_NAMEINFO:
		return len(request) > lookupHeader
	case C.GUV_ADDRINFO, C.GUV_NO_HOST, C.GUV_NO_SERVICE, C.GUV_NO_HOST | C.GUV_NO_SERVICE:
		return nuls == 2 && request[len(request)-1] == 0
	}
	return false
}

// lookups are a hub's lookups under way, by token.
type lookups map[int64]*lookup

func (all lookups) cancelAll() {
	for token, l := range all {
		l.cancelled.Store(true)
		delete(all, token)
	}
}

// lookup is one request, from Lookup to Poll.
type lookup struct {
	owner     *handle     // set once
	token     int64       // set once
	request   []byte      // set once
	address   int64       // set once; the result buffer, touched by Deliver only
	capacity  int64       // set once
	cancelled atomic.Bool // set by the loop thread; read by both
	result    []byte      // written by run, read by Deliver after the hand-over
}

// run does the lookup on a goroutine and hands the result to the loop.
func (l *lookup) run() {
	if l.cancelled.Load() {
		return
	}
	l.result = l.resolve()
	if !l.cancelled.Load() {
		l.owner.loop.Post(l)
	}
}

func (l *lookup) resolve() (result []byte) {
	defer func() {
		if r := recover(); r != nil {
			keepPanic(r)
			result = statusOnly(C.EAI_FAIL, 0)
		}
	}()
	var length C.int64_t
	answer := C.guv_lookup((*C.char)(unsafe.Pointer(&l.request[0])), C.int64_t(len(l.request)), &length)
	if answer == nil {
		return statusOnly(C.EAI_MEMORY, 0)
	}
	defer C.free(unsafe.Pointer(answer))
	return C.GoBytes(unsafe.Pointer(answer), C.int(length))
}

// Deliver copies the result into Python's buffer. Loop thread only, inside Poll.
func (l *lookup) Deliver() (token int64, ok bool) {
	if l.cancelled.Load() {
		return 0, false
	}
	delete(l.owner.lookups, l.token)
	if int64(len(l.result)) > l.capacity {
		l.result = statusOnly(lookupTooBig, len(l.result))
	}
	if n := copy(bytesAt(l.address, l.capacity), l.result); n != len(l.result) {
		panic(fmt.Sprintf("lookup result of %d bytes, room for %d", len(l.result), l.capacity))
	}
	return l.token, true
}

func statusOnly(status int32, third int) []byte {
	b := make([]byte, 0, lookupStatus)
	b = binary.NativeEndian.AppendUint32(b, uint32(status))
	b = binary.NativeEndian.AppendUint32(b, 0)
	return binary.NativeEndian.AppendUint32(b, uint32(third))
}
