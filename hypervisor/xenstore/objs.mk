objs-y += xenstore/tree.o xenstore/wire.o xenstore/ring.o
