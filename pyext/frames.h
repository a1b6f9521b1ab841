#ifndef GUV_FRAMES_H
#define GUV_FRAMES_H

#include <stdint.h>

int64_t guv_frame_cache(int64_t limit);

#endif
