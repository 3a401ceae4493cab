namespace csc;

entity Collections { key Name : String; }

entity Products {
  key Id              : String;
      Name            : String;
      Online          : Boolean;
      ContentLength   : Integer64;
      PublicationDate : Timestamp;
      S3Path          : String;
      Footprint       : String;
      ContentDate_Start : Timestamp;
      ContentDate_End   : Timestamp;
      west : Double; south : Double; east : Double; north : Double;
      Collection      : Association to Collections;
      Attributes      : Composition of many Attributes on Attributes.product = $self;
}

entity Attributes {
  key Id           : Integer;
      product      : Association to Products;
      Name         : String;
      ValueType    : String;
      StringValue  : String;
      IntegerValue : Integer;
      DoubleValue  : Double;
}

@path: '/odata/v1'
@cds.query.limit: { default: 20, max: 1000 }
service Catalogue {
  @readonly entity Products    as projection on csc.Products;
  @readonly entity Attributes  as projection on csc.Attributes;
  @readonly entity Collections as projection on csc.Collections;
}
