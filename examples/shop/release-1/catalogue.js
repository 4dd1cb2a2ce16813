/** What the shop sells. Prices are in cents; `tint` is the colour of the tin. */
export const products = [
  { id: 'assam', name: 'Assam', price: 890, tint: '#8c4a2f', taste: 'Malty and strong. Takes milk gladly.' },
  {
    id: 'sencha',
    name: 'Sencha',
    price: 1150,
    tint: '#4f7d4a',
    taste: 'Fresh grass after rain, and a little sea.',
  },
  {
    id: 'earl-grey',
    name: 'Earl Grey',
    price: 940,
    tint: '#54658c',
    taste: 'Black tea with the oil of bergamot.',
  },
  { id: 'rooibos', name: 'Rooibos', price: 720, tint: '#b4562c', taste: 'Red, round and free of caffeine.' },
  {
    id: 'oolong',
    name: 'Oolong',
    price: 1490,
    tint: '#7a7440',
    taste: 'Between green and black: orchids and toast.',
  },
  { id: 'mint', name: 'Mint', price: 640, tint: '#3d8a76', taste: 'Cool, clear and good at any hour.' },
];
