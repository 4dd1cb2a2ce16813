/** Where a proxy that takes orders over the network keeps its authority and invitations, within its home. */
export const proxyControlFolder = 'proxy/control';
