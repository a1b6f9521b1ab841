#ifndef GUV_LOOKUP_H
#define GUV_LOOKUP_H

#include <stdint.h>

// The first part of a request, in native order. What follows depends on kind; see lookup.go.
typedef struct {
	int32_t kind;
	int32_t family;
	int32_t type;
	int32_t protocol;
	int32_t flags;
} guv_lookup_request;

enum { GUV_ADDRINFO = 0, GUV_NAMEINFO = 1, GUV_NO_HOST = 1 << 8, GUV_NO_SERVICE = 1 << 9 };

// Does the lookup and returns its serialised result in malloc'ed memory, or NULL if there is none.
char *guv_lookup(const char *request, int64_t length, int64_t *result_length);

#endif
