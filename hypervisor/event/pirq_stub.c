#include <hyp/event.h>
#include <hyp/lib.h>
bool pirq_interrupt(unsigned int v){return false;}
long hc_physdev_op(struct hc_args*a){return -ENOSYS;}
long hc_platform_op(struct hc_args*a){return -ENOSYS;}
#include <hyp/evtchn.h>
int pirq_bind(struct domain *d, uint32_t pirq, bool shared, uint32_t *port){return -ENOSYS;}
void pirq_unbind(struct domain *d, uint32_t pirq){}
