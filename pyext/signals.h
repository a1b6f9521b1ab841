#ifndef GUV_SIGNALS_H
#define GUV_SIGNALS_H

void guv_settle_signals(void);

#endif
