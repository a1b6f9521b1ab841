// Counts what Python allocates: a layer over the object and memory allocators of a running interpreter.
#include <stddef.h>

typedef struct {
	void *ctx;
	void *(*malloc)(void *ctx, size_t size);
	void *(*calloc)(void *ctx, size_t count, size_t size);
	void *(*realloc)(void *ctx, void *ptr, size_t size);
	void (*free)(void *ctx, void *ptr);
} allocator; // PyMemAllocatorEx

enum { MEM = 1, OBJ = 2 }; // PyMemAllocatorDomain

void PyMem_GetAllocator(int domain, allocator *into);
void PyMem_SetAllocator(int domain, allocator *from);

static allocator beneath[3];
long allocations; // the GIL protects it

static void *count_malloc(void *ctx, size_t size) {
	allocator *under = ctx;
	allocations++;
	return under->malloc(under->ctx, size);
}

static void *count_calloc(void *ctx, size_t count, size_t size) {
	allocator *under = ctx;
	allocations++;
	return under->calloc(under->ctx, count, size);
}

static void *count_realloc(void *ctx, void *ptr, size_t size) {
	allocator *under = ctx;
	allocations += ptr == NULL;
	return under->realloc(under->ctx, ptr, size);
}

static void pass_free(void *ctx, void *ptr) {
	allocator *under = ctx;
	under->free(under->ctx, ptr);
}

void install(void) {
	for (int domain = MEM; domain <= OBJ; domain++) {
		allocator layer = {&beneath[domain], count_malloc, count_calloc, count_realloc, pass_free};
		PyMem_GetAllocator(domain, &beneath[domain]);
		PyMem_SetAllocator(domain, &layer);
	}
}
