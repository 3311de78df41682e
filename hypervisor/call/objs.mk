objs-y += call/dispatch.o call/multicall.o call/version.o call/nmi.o
