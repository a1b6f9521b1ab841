package trampoline

import (
	"fmt"

	"github.com/guv-project/guv/hub/poller"
)

// Verify checks the invariants of the package comment and of the wheel below.
func (l *Loop) Verify() error {
	for fd, r := range l.table.rows {
		if r.mask != 0 && r.mask&poller.EdgeTriggered == 0 {
			return fmt.Errorf("trampoline: descriptor %d is registered with mask %#x, without edges", fd, r.mask)
		}
	}
	return l.hub.Verify()
}
