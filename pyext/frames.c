// A free list for the frame-stack chunks of greenlets.
//
// Since 3.11 CPython keeps Python frames in chunks of 16 KiB. Each greenlet gets its first chunk from the arena allocator
// when it starts and returns it when it ends: one mmap, the page faults and one munmap, 8 of the 11 us that a raw greenlet
// costs. The arenas of obmalloc are 256 KiB or more, so a request for exactly 16 KiB is such a chunk; those are kept here
// and all else passes through. Kept chunks are bounded by a limit (4,096 are 64 MiB of address space, of which only touched
// pages are resident).
//
// The interpreter's functions are looked up at run time: the extension must load in a static python3 too. Once installed
// the wrapper stays for the life of the process, since blocks that it handed out may come back at any time. It holds no Go
// code and no thread, so a forked child goes on using it; the child's fresh copy of this library finds the wrapper by the
// name of its function, and does not stack a second one.
#define _GNU_SOURCE
#include "frames.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

enum { CHUNK = 16 * 1024, MOST = 4096 };

// The layout of PyObjectArenaAllocator, public since 3.4.
typedef struct {
	void *ctx;
	void *(*alloc)(void *ctx, size_t size);
	void (*free)(void *ctx, void *ptr, size_t size);
} arena_allocator;

static arena_allocator beneath; // set once, before the wrapper is installed
static void *kept[MOST];        // protected by busy
static int count, limit;        // protected by busy
static int installed;           // GIL held

// The callers hold the GIL, so this is never contended; an interpreter with a GIL of its own, or none, passes through.
static atomic_flag busy = ATOMIC_FLAG_INIT;

static int enter(void) { return !atomic_flag_test_and_set_explicit(&busy, memory_order_acquire); }
static void leave(void) { atomic_flag_clear_explicit(&busy, memory_order_release); }

// Not static: other copies of this library recognise the wrapper by this name.
void *guv_frame_chunk_alloc(void *ctx, size_t size) {
	(void)ctx;
	if (size == CHUNK && enter()) {
		void *chunk = count > 0 ? kept[--count] : NULL;
		leave();
		if (chunk != NULL)
			return chunk;
	}
	return beneath.alloc(beneath.ctx, size);
}

static void frame_chunk_free(void *ctx, void *ptr, size_t size) {
	(void)ctx;
	if (size == CHUNK && enter()) {
		int keep = count < limit;
		if (keep)
			kept[count++] = ptr;
		leave();
		if (keep)
			return;
	}
	beneath.free(beneath.ctx, ptr, size);
}

static int is_wrapper(const arena_allocator *allocator) {
	Dl_info info;
	return dladdr((void *)allocator->alloc, &info) && info.dli_sname != NULL && strcmp(info.dli_sname, "guv_frame_chunk_alloc") == 0;
}

// Sets the limit and gives back what exceeds it.
static void trim(int most) {
	while (!enter())
		;
	limit = most;
	int from = count < most ? count : most, to = count;
	count = from;
	leave();
	// The GIL is held, so nobody refills the places above count meanwhile.
	for (int i = from; i < to; i++)
		beneath.free(beneath.ctx, kept[i], CHUNK);
}

static int64_t change(int64_t most) {
	if (most >= 0 && !installed) {
		void (*get)(arena_allocator *) = (void (*)(arena_allocator *))dlsym(RTLD_DEFAULT, "PyObject_GetArenaAllocator");
		void (*set)(arena_allocator *) = (void (*)(arena_allocator *))dlsym(RTLD_DEFAULT, "PyObject_SetArenaAllocator");
		if (get == NULL || set == NULL)
			return -1;
		get(&beneath);
		if (is_wrapper(&beneath))
			return -2;
		arena_allocator wrapper = {NULL, guv_frame_chunk_alloc, frame_chunk_free};
		set(&wrapper);
		installed = 1;
	}
	if (!installed)
		return -1;
	if (most >= 0)
		trim(most < MOST ? (int)most : MOST);
	return count;
}

int64_t guv_frame_cache(int64_t most) {
	// gopy dropped the GIL for this call; PyGILState_STATE is an enum.
	int (*ensure)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Ensure");
	void (*release)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "PyGILState_Release");
	if (ensure == NULL || release == NULL)
		return -1;
	int state = ensure();
	int64_t result = change(most);
	release(state);
	return result;
}
