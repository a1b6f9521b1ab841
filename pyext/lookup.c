// Name lookups by the C library, so that results, /etc/nsswitch.conf and all, equal the standard library's exactly.
#include "lookup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef struct {
	char *at;
	int64_t length;
} buffer;

static void put(buffer *b, const void *bytes, size_t n) {
	if (n > 0)
		memcpy(b->at + b->length, bytes, n);
	b->length += (int64_t)n;
}

static void put_int(buffer *b, int32_t value) { put(b, &value, sizeof value); }

// The text is the C library's own, in the language of the process: Python puts it into gaierror.
static const char *text_of(int status) { return status == 0 || status == EAI_SYSTEM ? "" : gai_strerror(status); }

static void put_status(buffer *b, int status, int error, int32_t entries) {
	const char *text = text_of(status);
	put_int(b, status);
	put_int(b, status == EAI_SYSTEM ? error : 0);
	put_int(b, status == 0 ? entries : (int32_t)strlen(text));
	put(b, text, strlen(text));
}

static int64_t addrinfo_size(const struct addrinfo *list, int32_t *entries) {
	int64_t size = 3 * sizeof(int32_t);
	*entries = 0;
	for (; list != NULL; list = list->ai_next, ++*entries)
		size += 5 * sizeof(int32_t) + list->ai_addrlen + (list->ai_canonname != NULL ? strlen(list->ai_canonname) : 0);
	return size;
}

static buffer look_up_addresses(const guv_lookup_request *request, const char *host, const char *service) {
	struct addrinfo hints = {
		.ai_family = request->family, .ai_socktype = request->type, .ai_protocol = request->protocol, .ai_flags = request->flags};
	struct addrinfo *list = NULL;
	int status = getaddrinfo(host, service, &hints, &list), error = errno;
	if (status != 0)
		list = NULL;
	int32_t entries;
	buffer b = {malloc(addrinfo_size(list, &entries) + strlen(text_of(status))), 0};
	if (b.at != NULL) {
		put_status(&b, status, error, entries);
		for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
			size_t named = a->ai_canonname != NULL ? strlen(a->ai_canonname) : 0;
			put_int(&b, a->ai_family);
			put_int(&b, a->ai_socktype);
			put_int(&b, a->ai_protocol);
			put_int(&b, a->ai_canonname != NULL ? (int32_t)named : -1);
			put_int(&b, (int32_t)a->ai_addrlen);
			put(&b, a->ai_canonname, named);
			put(&b, a->ai_addr, a->ai_addrlen);
		}
	}
	if (list != NULL)
		freeaddrinfo(list);
	return b;
}

static buffer look_up_name(const guv_lookup_request *request, const char *address, int64_t length) {
	char host[NI_MAXHOST] = "", service[NI_MAXSERV] = "";
	struct sockaddr_storage aligned;
	if (length > (int64_t)sizeof aligned)
		length = sizeof aligned;
	memcpy(&aligned, address, length);
	int status = getnameinfo((struct sockaddr *)&aligned, (socklen_t)length, host, sizeof host, service, sizeof service, request->flags);
	int error = errno;
	size_t hosts = strlen(host), services = strlen(service);
	buffer b = {malloc(5 * sizeof(int32_t) + hosts + services + strlen(text_of(status))), 0};
	if (b.at != NULL) {
		put_status(&b, status, error, status == 0 ? 1 : 0);
		if (status == 0) {
			put_int(&b, (int32_t)hosts);
			put_int(&b, (int32_t)services);
			put(&b, host, hosts);
			put(&b, service, services);
		}
	}
	return b;
}

char *guv_lookup(const char *bytes, int64_t length, int64_t *result_length) {
	guv_lookup_request request;
	memcpy(&request, bytes, sizeof request);
	const char *rest = bytes + sizeof request;
	buffer b;
	if ((request.kind & 0xff) == GUV_NAMEINFO) {
		b = look_up_name(&request, rest, length - (int64_t)sizeof request);
	} else {
		const char *host = request.kind & GUV_NO_HOST ? NULL : rest;
		const char *service = request.kind & GUV_NO_SERVICE ? NULL : rest + strlen(rest) + 1;
		b = look_up_addresses(&request, host, service);
	}
	*result_length = b.length;
	return b.at;
}
